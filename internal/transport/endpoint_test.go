package transport_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/transport"
)

func TestEndpointsAreRead(t *testing.T) {
	tests := map[string]struct{ url, database, host string }{
		"ws://192.168.1.100:4988/mydb":   {"ws://192.168.1.100:4988/mydb", "mydb", "192.168.1.100"},
		"wss://example.com/db/":          {"wss://example.com/db", "db", "example.com"},
		"WSS://Example.com/a/b/db":       {"wss://Example.com/a/b/db", "db", "Example.com"},
		"ws://[::1]:4984/db":             {"ws://[::1]:4984/db", "db", "::1"},
		"ws://[fe80::1%25eth0]:4984/db":  {"ws://[fe80::1%25eth0]:4984/db", "db", "fe80::1%eth0"},
		"ws://[fe80::1%eth0]:4984/db":    {"ws://[fe80::1%25eth0]:4984/db", "db", "fe80::1%eth0"},
		"ws://h/caf%C3%A9%20%2F":         {"ws://h/caf%C3%A9%20%2F", "café /", "h"},
		"wss://xn--bcher-kva.example/db": {"wss://xn--bcher-kva.example/db", "db", "xn--bcher-kva.example"},
	}
	for raw, want := range tests {
		e, err := transport.ParseEndpoint(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		} else if e.String() != want.url || e.Host() != want.host {
			t.Errorf("%s: got %s at %s, want %s at %s", raw, e, e.Host(), want.url, want.host)
		}
		if err == nil && e.DatabaseName() != want.database {
			t.Errorf("%s: got database %q, want %q", raw, e.DatabaseName(), want.database)
		}
	}
}

func TestBadEndpointsAreRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"other scheme":       "http://h/db",
		"no scheme":          "h:4984/db",
		"no database":        "ws://h:4984",
		"only a slash":       "ws://h:4984/",
		"no host":            "ws:///db",
		"no host but a port": "ws://:4984/db",
		"user":               "ws://user@h/db",
		"password":           "ws://user:secret@h/db",
		"port 0":             "ws://h:0/db",
		"high port":          "ws://h:65536/db",
		"query":              "ws://h/db?x=1",
		"fragment":           "ws://h/db#x",
		"no URL at all":      "ws://user:secret@h/%zz",
		"empty":              "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := transport.ParseEndpoint(raw)
			if !errors.Is(err, fault.InvalidURL) {
				t.Fatalf("%s: got %v, want an invalid URL", raw, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestURLNames(t *testing.T) {
	for database, want := range map[string]string{
		"db": "db", "_db": "-db", "": "db", "a/b": "a-b", "a\nb": "a-b", "café": "café", "__": "-_",
	} {
		if got := transport.URLName(database); got != want {
			t.Errorf("%q: got %q, want %q", database, got, want)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	f.Add("ws://host:4984/db")
	f.Add("wss://[fe80::1%25eth0]/a/b")
	f.Add("wss://[fe80::1%25\xa2]/a/b")
	f.Fuzz(func(t *testing.T, raw string) {
		var e transport.Endpoint
		var err error
		fuzzing.Bounded(t, len(raw), func() { e, err = transport.ParseEndpoint(raw) })
		if err != nil {
			return
		}
		again, err := transport.ParseEndpoint(e.String())
		if err != nil || again.String() != e.String() || e.DatabaseName() == "" {
			t.Errorf("%q became %q, and that %q (%v)", raw, e, again, err)
		}
	})
}
