package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/kith-kt/kith/auditor/watch"
)

// alertOptions say who is told of findings, besides the log.
type alertOptions struct {
	webhooks []string
	commands []string
}

func (o *alertOptions) build() (alerts []watch.Alert, err error) {
	for _, address := range o.webhooks {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return nil, usage(fmt.Errorf("--alert-webhook is %q", address), "an https address; plain http goes to this machine only")
		}
		alerts = append(alerts, watch.Alert{Name: "webhook " + address, Tell: webhook(address)})
	}
	for _, command := range o.commands {
		if strings.TrimSpace(command) == "" {
			return nil, usage(errors.New("--alert-exec is empty"), "a command for sh")
		}
		alerts = append(alerts, watch.Alert{Name: "exec " + command, Tell: execute(command)})
	}
	return alerts, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// webhook posts findings, as they stand in findings.jsonl, to an address. Any 2xx
// will do; it does not go where it is redirected.
func webhook(address string) func(context.Context, watch.Finding) error {
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, f watch.Finding) error {
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(b))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", "kith-auditor")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("%s answers with status %d", address, resp.StatusCode)
		}
		return nil
	}
}

// execute runs a command for a finding, which it finds in its environment.
func execute(command string) func(context.Context, watch.Finding) error {
	return func(ctx context.Context, f watch.Finding) error {
		cmd := exec.CommandContext(ctx, "sh", "-c", command)
		cmd.WaitDelay = time.Second
		cmd.Env = append(os.Environ(),
			"KITH_EVIDENCE="+f.File, "KITH_KIND="+f.Kind, "KITH_DOMAIN="+f.Domain, "KITH_ENTRY="+strconv.FormatUint(f.Entry, 10),
			"KITH_PROVED="+strconv.FormatBool(f.Proved), "KITH_FINAL="+strconv.FormatBool(f.Final), "KITH_TEXT="+oneLine(strings.ReplaceAll(f.Text, "\x00", "")),
		)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %.200q", err, out)
		}
		return nil
	}
}
