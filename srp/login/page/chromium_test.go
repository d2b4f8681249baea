package page_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/kith-kt/kith/srp/auth"
)

// assertion has a page's passkeys answer options, as any program could.
const assertion = `(async (o) => {
  const octets = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  o.challenge = octets(o.challenge);
  o.allowCredentials = (o.allowCredentials || []).map((c) => ({...c, id: octets(c.id)}));
  return (await navigator.credentials.get({publicKey: o})).toJSON();
})`

// TestChromium is the life of passkeys in a browser that nobody here wrote.
func TestChromium(t *testing.T) {
	b := newBrowser(t)
	s := newSite(t)
	token := s.register("alice", "right")

	// There is nothing to sign in with yet.
	b.open(s.url + "/login")
	b.heading("Sign in")
	b.picture("signin")
	b.press("Sign in with a passkey")
	b.says("fault", "cancelled")

	// A link makes a passkey, once.
	link := s.link(token)
	b.open(link)
	b.heading("Make a passkey")
	b.says("who", "alice")
	if hash := eval[string](b, "location.hash"); hash != "" {
		t.Errorf("the secret stays in the address: %s", hash)
	}
	b.picture("make")
	eval[chromedp.Void](b, `document.getElementById("keyname").value = "laptop"; void 0`)
	b.press("Make a passkey")
	b.says("status", "Your passkey is ready")
	b.open(link)
	b.says("fault", "used already")
	b.picture("fault")
	if n := len(b.credentials()); n != 1 {
		t.Fatalf("%d passkeys", n)
	}

	// It logs in alone: no name is typed.
	b.open(s.url + "/login")
	b.press("Sign in with a passkey")
	b.heading("alice")
	if c := eval[string](b, "document.cookie"); c != "" {
		t.Errorf("a script reads the session: %s", c)
	}
	b.waits(`document.body.innerText.includes("laptop")`)
	var all auth.Sessions
	s.do("GET", "/sessions", token, nil, &all, 200)
	if len(all.Sessions) != 2 || !slices.ContainsFunc(all.Sessions, func(one auth.Session) bool { return one.How == "passkey" }) {
		t.Errorf("%+v", all) // in no order, where both are of one second
	}

	// The account's page: another passkey cannot be made by the same authenticator;
	// passkeys are renamed; the second factor is switched on.
	b.press("Add a passkey")
	b.says("fault", "has a passkey for this account already")
	eval[chromedp.Void](b, `document.querySelector(".rename summary").click(); document.querySelector(".rename input[name=name]").value = "<b>work</b>"; void 0`)
	b.press("Save")
	b.says("status", "Renamed")
	b.waits(`document.querySelector(".what strong").textContent === "<b>work</b>"`)
	b.press("Switch on")
	b.says("status", "needs a passkey beside it")
	b.picture("account")

	// After a password, the passkey is what is still needed; a touch is enough.
	g := s.login("alice", "right")
	if g.Token != "" || len(g.Needs) != 1 || g.Needs[0] != "passkey" {
		t.Fatalf("%+v", g)
	}
	b.verifies(false)
	answer := func(handshake string) (string, json.RawMessage) {
		t.Helper()
		var c auth.PasskeyChallenge
		s.do("POST", "/login/passkey", "", auth.PasskeyStart{Handshake: handshake}, &c, 200)
		return c.Handshake, eval[json.RawMessage](b, assertion+"("+string(c.Options)+")")
	}
	handshake, response := answer(g.Handshake)
	s.do("POST", "/login/passkey/"+handshake, "", auth.PasskeyFinish{Credential: response}, g, 200)
	if g.Session == nil || g.Session.How != "password + passkey" {
		t.Fatalf("%+v", g)
	}
	s.do("POST", "/login/passkey/"+handshake, "", auth.PasskeyFinish{Credential: response}, nil, 403) // once

	// The same for a program that is on this computer, and has no passkeys: the page
	// hands the answer to it alone.
	g = s.login("alice", "right")
	var c auth.PasskeyChallenge
	s.do("POST", "/login/passkey", "", auth.PasskeyStart{Handshake: g.Handshake}, &c, 200)
	answers := make(chan url.Values, 1)
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/0123456789abcdef" {
			answers <- r.URL.Query()
			_, _ = w.Write([]byte("go back to your terminal"))
		}
	}))
	defer program.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(program.URL, "http://"), ":")
	b.open(s.url + "/login#answer=" + base64.RawURLEncoding.EncodeToString([]byte(`{"port":`+port+`,"state":"0123456789abcdef","name":"alice","options":`+string(c.Options)+`}`)))
	b.heading("Your terminal asks for your passkey")
	b.picture("answer")
	b.press("Use my passkey")
	b.waits(`document.body.innerText.includes("go back to your terminal")`)
	credential, err := base64.RawURLEncoding.DecodeString((<-answers).Get("credential"))
	must(t, err)
	s.do("POST", "/login/passkey/"+c.Handshake, "", auth.PasskeyFinish{Credential: credential}, g, 200)
	if g.Session == nil || g.Session.Name != "alice" {
		t.Fatalf("%+v", g)
	}
	for _, request := range []string{"", "x", `{}`, `{"port":22,"state":"0123456789abcdef","options":{}}`, `{"port":8080,"state":"0123456789abcdef","options":{"challenge":"AAAA"}}`, `{"port":8080,"state":"0123456789abcdef","options":{"challenge":"AAAA","allowCredentials":[]}}`, `{"port":8080,"state":"evil.example/","options":{}}`, `{"port":"8080@evil.example","state":"0123456789abcdef","options":{}}`} {
		b.open(s.url + "/login#answer=" + base64.RawURLEncoding.EncodeToString([]byte(request)))
		b.says("fault", "not whole")
	}

	// Alone, a touch is not enough.
	b.open(s.url + "/login")
	b.heading("alice")
	b.press("Sign out")
	b.says("status", "signed out")
	b.press("Sign in with a passkey")
	b.says("fault", "cancelled")
	b.verifies(true)

	// A copy, whose counter is behind.
	copied := *b.credentials()[0]
	b.press("Sign in with a passkey")
	b.heading("alice")
	b.press("Sign out")
	b.says("status", "signed out")
	b.replace(&copied)
	b.press("Sign in with a passkey")
	b.says("fault", "That did not work")
	if trail := s.trail(g.Token); !strings.Contains(trail, "there may be a copy") {
		t.Errorf("the owner is not told:\n%s", trail)
	}
	copied.SignCount = 1000
	b.replace(&copied)
	b.press("Sign in with a passkey")
	b.heading("alice")

	// A page of another origin, which the browser lets use the passkeys of localhost.
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<h1>Elsewhere</h1>"))
	}))
	defer evil.Close()
	elsewhere := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)
	b.open(elsewhere)
	b.heading("Elsewhere")
	handshake, response = answer("")
	s.do("POST", "/login/passkey/"+handshake, "", auth.PasskeyFinish{Credential: response}, nil, 403)
	// It can neither use the session of this browser, nor end it.
	if got := eval[string](b, `fetch(`+quote(s.url+"/login/begin")+`, {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"}).then(r => "answered", e => "refused")`); got != "refused" {
		t.Errorf("another origin is %s", got)
	}
	eval[chromedp.Void](b, `document.body.insertAdjacentHTML("beforeend", '<form method="post" action="`+s.url+`/login/do"><button name="action" value="out">out</button></form>'); void 0`)
	b.press("out")
	b.waits(`document.body.innerText.includes("this came from another site")`)
	b.open(s.url + "/login")
	b.heading("alice")
	handshake, response = answer("")
	s.do("POST", "/login/passkey/"+handshake, "", auth.PasskeyFinish{Credential: response}, nil, 200) // it was the origin alone

	// What was removed opens nothing.
	b.press("Remove <b>work</b>")
	b.says("status", "The passkey was removed")
	handshake, response = answer("")
	s.do("POST", "/login/passkey/"+handshake, "", auth.PasskeyFinish{Credential: response}, nil, 403)
	if g := s.login("alice", "right"); g.Token == "" {
		t.Errorf("no passkey is left, and one is asked for: %+v", g)
	}
	b.press("End all others")
	b.says("status", "All other sessions have ended")
	s.do("GET", "/sessions", token, nil, nil, 401)
	if len(b.credentials()) != 1 {
		t.Error("the authenticator lost its passkey: nothing was shown")
	}

	// A session of a while ago changes nothing.
	s.clock.move(11 * 60 * 1e9)
	b.open(s.url + "/login")
	b.waits(`document.body.innerText.includes("It is a while since you signed in")`)
	b.picture("stale")
	if eval[bool](b, `!!document.getElementById("adding")`) {
		t.Error("a passkey can be added")
	}
}

// TestChromiumRounds: a hundred logins one after another, without one that fails.
func TestChromiumRounds(t *testing.T) {
	b := newBrowser(t)
	s := newSite(t)
	b.open(s.link(s.register("alice", "right")))
	b.says("who", "alice")
	b.press("Make a passkey")
	b.says("status", "Your passkey is ready")
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	done := eval[int](b, `(async () => {
  const assert = `+assertion+`;
  const post = async (path, message) => {
    const r = await fetch("/auth/v1/login/passkey" + path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(message)});
    if (!r.ok) throw new Error(await r.text());
    return r.json();
  };
  let done = 0;
  for (; done < `+quote(rounds)+`; done++) {
    const c = await post("", {});
    const g = await post("/" + c.handshake, {credential: await assert(c.options)});
    if (!g.token || g.session.name !== "alice") break;
  }
  return done;
})()`)
	if done != rounds {
		t.Errorf("%d of %d", done, rounds)
	}
}
