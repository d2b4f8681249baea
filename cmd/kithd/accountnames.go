package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kith-kt/kith/proto/label"
)

// accountNames says how the names of accounts and the labels of a domain belong
// together: "alice" is alice@DOMAIN.
type accountNames struct{ domain string }

var errForeignName = errors.New("the name is not one of this provider")

// canonical returns the one form of a name: the local part of its label. It takes
// the whole label too.
func (n accountNames) canonical(given string) (string, error) {
	if !strings.Contains(given, "@") {
		given += "@" + n.domain
	}
	address, err := label.Canonical(given)
	if err != nil {
		return "", err
	}
	local, domain, _ := strings.Cut(address, "@")
	if domain != n.domain {
		return "", fmt.Errorf("%w, which is for addresses at %s", errForeignName, n.domain)
	}
	return local, nil
}

// label returns the label of a name in its one form.
func (n accountNames) label(name string) string { return name + "@" + n.domain }

// officialNames are read by whoever runs the domain (RFC 2142), or make somebody
// believe that they are: who holds one gets certificates for the domain.
var officialNames = []string{
	"abuse", "admin", "administrator", "autoconfig", "autodiscover", "billing", "contact", "daemon", "dns", "ftp", "help",
	"hostmaster", "info", "is", "isatap", "it", "kith", "list", "list-request", "localdomain", "localhost", "mail", "mailer-daemon",
	"marketing", "mis", "news", "no-reply", "nobody", "noc", "noreply", "operator", "postmaster", "register", "root", "sales",
	"security", "smtp", "ssladmin", "ssladministrator", "sslwebmaster", "support", "sysadmin", "usenet", "uucp", "webmaster", "wpad", "www",
}

func isOfficial(name string) bool {
	_, found := slices.BinarySearch(officialNames, name)
	return found
}
