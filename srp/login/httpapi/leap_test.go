package httpapi_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/kith-kt/kith/srp"
)

func signed(message []byte) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), message)
}

// leap tries the operations below /1.
func (c *checked) leap() {
	c.t.Helper()
	p := srp.LEAP1024()
	salt := []byte("salt")
	verifier := func(password string) map[string]string {
		return map[string]string{"login": "leap", "password_salt": hex.EncodeToString(salt), "password_verifier": hex.EncodeToString(p.Verifier([]byte("leap"), salt, []byte(password)))}
	}
	send := func(want int, method, path, token string, q, v any, cookies ...*http.Cookie) *http.Response {
		c.t.Helper()
		var body []byte
		if q != nil {
			var err error
			body, err = json.Marshal(q)
			must(c.t, err)
		}
		if token != "" {
			token = `Token token="` + token + `"`
		}
		return c.send(want, method, path, token, "application/json", body, v, cookies...)
	}
	user := map[string]any{"user": verifier("right")}
	send(201, "POST", "/1/users", "", user, nil)
	send(422, "POST", "/1/users", "", user, nil)
	c.send(422, "POST", "/1/users", "", "application/x-www-form-urlencoded", []byte(url.Values{"user[login]": {"x"}, "user[password_salt]": {"zz"}, "user[password_verifier]": {"aa"}}.Encode()), nil)
	login := func(password string, want int) (id, token string) {
		c.t.Helper()
		client, err := p.NewClient([]byte("leap"), rand.Reader)
		must(c.t, err)
		var challenge struct{ B, Salt string }
		resp := send(200, "POST", "/1/sessions", "", map[string]string{"login": "leap", "A": hex.EncodeToString(client.A())}, &challenge)
		b, err := hex.DecodeString(challenge.B)
		must(c.t, err)
		m1, err := client.Answer(salt, b, []byte(password))
		must(c.t, err)
		var g struct{ M2, ID, Token string }
		send(want, "PUT", "/1/sessions/leap", "", map[string]string{"client_auth": hex.EncodeToString(m1)}, &g, resp.Cookies()...)
		return g.ID, g.Token
	}
	login("wrong", 401)
	id, token := login("right", 200)
	var changed struct{ Token string }
	send(200, "PUT", "/1/users/"+id, token, map[string]any{"user": verifier("new")}, &changed)
	send(401, "PUT", "/1/users/"+id, token, map[string]any{"user": verifier("new")}, nil)
	send(204, "DELETE", "/1/logout", changed.Token, nil, nil)
	send(401, "DELETE", "/1/logout", changed.Token, nil, nil)
	id, token = login("new", 200)
	send(204, "DELETE", "/1/users/"+id, token, nil, nil)
}
