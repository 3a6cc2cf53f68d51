package rest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/rest"
)

// safeBuffer is a buffer that several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Each secret has this text. It must not come out anywhere.
const planted = "pl4nted"

func TestSecretsAreNeverShown(t *testing.T) {
	var audit, logged safeBuffer
	ring := rest.NewLog(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Log, cfg.Logger = ring, slog.New(ring)
		cfg.Audit = rest.Audit{Writer: &audit, Enable: everyEvent()}
	})
	var shown strings.Builder
	ask := func(request, body string, headers ...string) {
		got := s.do(request, body, append(headers, "As: ann")...)
		fmt.Fprintln(&shown, request, got.status, got.header, got.body)
	}
	p := newPeer(t)
	target := func(rest string) string { return `{"source":"other","target":"` + p.url + `",` + rest + `}` }
	for _, body := range []string{
		target(`"auth":{"user":"sue","password":"` + planted + `"}`),
		target(`"continuous":true,"auth":{"user":"sue","password":"` + planted + `"}`),
		target(`"auth":{"session_cookie":"` + planted + `"}`),
		target(`"auth":{"openid_token":"` + planted + `"}`),
		target(`"auth":{"tls_client_cert":"` + planted + `","tls_client_cert_key":"` + planted + `"}`),
		target(`"headers":{"Authorization":"Basic ` + planted + `"}`),
		target(`"headers":{"X-Key":"` + planted + `\u0000"}`),
		target(`"proxy":"http://user:` + planted + `@127.0.0.1:1"`),
		target(`"proxy":"https://user:` + planted + `@127.0.0.1:1"`),
		target(`"proxy":"http://user:` + planted + `@127.0.0.1:1:1/%zz"`),
		target(`"trusted_root_certs":"` + planted + `"`),
		target(`"pinned_cert":"` + planted + `"`),
		target(`"auth":{"user":"sue","password":["` + planted + `"]}`),
		`{"source":"other","target":"ws://sue:` + planted + `@127.0.0.1:1/x"}`,
		`{"source":"other","target":"ws://sue:` + planted + `@[::1/%zz"}`,
		`{"source":"ws://sue:` + planted + `@127.0.0.1:1/x","target":"wss://u:` + planted + `@h/x"}`,
		`{"source":"sue:` + planted + `@x","target":"` + p.url + `"}`,
	} {
		ask("POST /_replicate", body)
	}
	s.want(s.do("POST /_session", `{"name":"ann","password":"`+planted+`"}`, "As: "), 401, "")
	s.becomes(1, "Stopped", "ann")
	for _, request := range []string{
		"GET /_replicate", "GET /_replicate/1", "GET /_replicate/2", "POST /_replicate/1/start", "POST /_replicate/2/retry",
		"GET /_active_tasks", "GET /_log?follow=false&level=debug", "POST /other/_check", "DELETE /_replicate/1",
	} {
		ask(request, "")
	}
	for name, text := range map[string]string{"answers": shown.String(), "the log": logged.String(), "the audit log": audit.String()} {
		if at := strings.Index(text, planted); at >= 0 {
			t.Errorf("%s show a secret: %.400s", name, text[max(0, at-200):])
		}
		if len(text) < 100 {
			t.Errorf("%s have %d bytes: nothing was looked at", name, len(text))
		}
	}
}

func everyEvent() (all []int) {
	names, _ := rest.AuditEvents()
	for number := range names {
		all = append(all, number)
	}
	return all
}

func TestASecretDoesNotPrint(t *testing.T) {
	secret := rest.Secret(planted)
	what := rest.Replication{Proxy: secret, Auth: &rest.ReplicationAuth{Password: secret}, Headers: map[string]rest.Secret{"a": secret}}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("it", "a", secret, "b", what, "c", *what.Auth)
	text, err := secret.MarshalText()
	check(t, err)
	all := fmt.Sprintf("%s %v %+v %#v %q %x %d %s %s", secret, what, what, what, secret, secret, secret, text, logged.String())
	if strings.Contains(all, planted) || strings.Contains(all, fmt.Sprintf("%x", planted)) {
		t.Errorf("the secret shows in %s", all)
	}
}
