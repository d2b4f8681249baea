package passkey

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-kt/kith/srp/login"
)

// Config is what a Service needs. Accounts, ID, Origins and Rand are required.
type Config struct {
	Accounts *login.Service
	// ID is the relying party's: the domain, or one below which all Origins are.
	// Passkeys belong to it for ever.
	ID string
	// Title is shown by browsers. Default: ID.
	Title string
	// Origins are those of pages that may use passkeys, such as
	// "https://example.org". Other than https only on localhost.
	Origins []string
	// Page is the address of the login page, for links. Default: /login of the
	// first origin.
	Page string

	// Life is how long making a passkey may take, and how long a link is good.
	// Default 5 minutes.
	Life time.Duration
	Now  func() time.Time // default time.Now
	Rand io.Reader        // required
}

// A Service keeps and asks for passkeys. It is safe for concurrent use.
type Service struct {
	config  Config
	party   *webauthn.WebAuthn
	tickets *tickets
}

// New returns the service of a configuration.
func New(c Config) (*Service, error) {
	if c.Accounts == nil || c.ID == "" || len(c.Origins) == 0 || c.Rand == nil {
		return nil, errors.New("passkey: Accounts, ID, Origins and Rand are required")
	}
	for _, o := range c.Origins {
		if err := checkOrigin(o, c.ID); err != nil {
			return nil, err
		}
	}
	if c.Title == "" {
		c.Title = c.ID
	}
	if c.Page == "" {
		c.Page = c.Origins[0] + "/login"
	}
	if c.Life == 0 {
		c.Life = 5 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: c.ID, RPDisplayName: c.Title, RPOrigins: c.Origins, AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return &Service{config: c, party: party, tickets: newTickets(c.Life)}, nil
}

// checkOrigin refuses what browsers make no passkeys of this party for, or what is
// no origin.
func checkOrigin(o, id string) error {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o {
		return fmt.Errorf("passkey: %q is not an origin, such as https://example.org", o)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return fmt.Errorf("passkey: origin %q is neither https nor on localhost", o)
	}
	if h := strings.ToLower(u.Hostname()); h != id && !strings.HasSuffix(h, "."+id) {
		return fmt.Errorf("passkey: origin %q is not at or below %s", o, id)
	}
	return nil
}

// Origins are those of the configuration.
func (s *Service) Origins() []string { return s.config.Origins }

func (s *Service) challenge() ([]byte, error) {
	b := make([]byte, 32)
	_, err := io.ReadFull(s.config.Rand, b)
	return b, err
}
