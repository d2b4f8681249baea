package page_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// patience is how long Chromium may take to start, or a page to become what it must.
const patience = 2 * time.Minute

// A browser is Chromium with an authenticator that answers by itself.
type browser struct {
	t   testing.TB
	ctx context.Context
	id  webauthn.AuthenticatorID
}

// newBrowser starts Chromium. Where there is none, the test stands aside, or fails
// if CI is set.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is required when CI is set")
		}
		t.Skip("chromium is absent (apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience), // until it has started
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	must(t, chromedp.Do(ctx))
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // and wait, before its folder goes
	limited, cancel := context.WithTimeout(ctx, 3*patience)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: limited}
	must(t, chromedp.Listen(ctx, func(e any) {
		if e, ok := e.(*runtime.EventExceptionThrown); ok {
			t.Errorf("script: %+v", e.ExceptionDetails)
		}
	}))
	call(b, runtime.Enable, cdp.Empty{})
	call(b, webauthn.Enable, webauthn.EnableParams{})
	b.id = call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}}).AuthenticatorID
	return b
}

func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	must(b.t, err)
	return r
}

func (b *browser) verifies(does bool) {
	b.t.Helper()
	call(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: b.id, IsUserVerified: does})
}

func (b *browser) credentials() []*webauthn.Credential {
	b.t.Helper()
	return call(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: b.id}).Credentials
}

// replace puts a credential into the authenticator, in the place of the same one.
func (b *browser) replace(c *webauthn.Credential) {
	b.t.Helper()
	for _, o := range b.credentials() {
		if string(o.CredentialID) == string(c.CredentialID) {
			call(b, webauthn.RemoveCredential, webauthn.RemoveCredentialParams{AuthenticatorID: b.id, CredentialID: c.CredentialID})
		}
	}
	// Not webauthn.AddCredential, which names what this authenticator does not know.
	call(b, cdp.Command[map[string]any, cdp.Empty]{Method: "WebAuthn.addCredential"}, map[string]any{
		"authenticatorId": b.id, "credential": map[string]any{
			"credentialId": c.CredentialID, "isResidentCredential": true, "rpId": c.RpID, "privateKey": c.PrivateKey,
			"userHandle": c.UserHandle, "signCount": int(c.SignCount), "userName": c.UserName,
		},
	})
}

// open goes to an address, afresh.
func (b *browser) open(url string) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url)))
}

// eval evaluates an expression, which may be a promise.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// waits waits until something holds in the page, which may change meanwhile.
func (b *browser) waits(condition string) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+condition+")")); err == nil && ok {
			return
		}
	}
	body, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	b.t.Fatalf("not in %v: %s, in:\n%s", patience, condition, body)
}

// says waits for words in what a page says, or in what it says went wrong.
func (b *browser) says(id, words string) {
	b.t.Helper()
	b.waits(`document.getElementById("` + id + `")?.textContent.includes(` + quote(words) + `)`)
}

func (b *browser) heading(words string) {
	b.t.Helper()
	b.waits(`[...document.querySelectorAll("h1")].some(h => h.checkVisibility() && h.textContent.trim() === ` + quote(words) + `)`)
}

// press presses the button of a name, as soon as it can be.
func (b *browser) press(name string) {
	b.t.Helper()
	find := `[...document.querySelectorAll("button")].find(b => b.checkVisibility() && !b.disabled && (b.textContent.trim() === ` + quote(name) + ` || b.ariaLabel === ` + quote(name) + `))`
	b.waits(find)
	eval[chromedp.Void](b, find+".click()")
}

// picture takes pictures where KITH_SCREENSHOTS names a folder, to be looked at.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("KITH_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		for what, width := range map[string]int64{"wide": 1100, "phone": 390} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
			call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
			png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
			must(b.t, err)
			must(b.t, os.WriteFile(filepath.Join(dir, name+"-"+scheme+"-"+what+".png"), png, 0o600))
		}
	}
}

func quote(v any) string {
	j, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(j)
}
