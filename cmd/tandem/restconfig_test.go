package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/rest"
)

func writeConfig(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edge.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigurationsThatCannotBeAreRefusedByName(t *testing.T) {
	const start = `{"users": "u", "databases": {"shop": {"path": "shop"`
	for text, wrong := range map[string]string{
		``:               "EOF",
		`[]`:             "array",
		`{} {}`:          "more text",
		`{"users": "u"}`: "databases",
		`{"databases": {"shop": {"path": "shop"}}}`:                      "users",
		`{"users": "u", "databases": {"shop": {}}}`:                      "path is missing",
		start + `, "placeholder_uuid": "x"}}}`:                           "placeholder_uuid",
		start + `}}, "log": {}}`:                                         `"log"`,
		start + `}}, "logging": {"file": {}}}`:                           `"file"`,
		start + `}}, "logging": {"audit": {}}}`:                          "file is missing",
		start + `}}, "https": {"client_cert_path": "ca.pem"}}`:           "tls_cert_path",
		start + `}}, // no end`:                                          "EOF",
		start + `}}, interface: here}`:                                   `"here" is no value`,
		start + `}}, "https": {"tls_cert_path": "c"}}`:                   "tls_key_path",
		start + `, "queries": {"a": {"query": "b", "grant": []}}}}}`:     `"grant"`,
		start + `}}, "replications": [{"source": "a", "sauce": "b"}]}`:   `"sauce"`,
		`{"databases": ["shop"]}`:                                        "databases: got array, want an object",
		`{"interface": 5}`:                                               "interface: got number, want a string",
		start + `}}, "cors": {"max_age": 1.5}}`:                          "cors.max_age: got number 1.5, want a whole number",
		start + `}}, "logging": {"audit": {"enable": [true]}}}`:          "got bool, want a whole number",
		start + `, "queries": {"a": 5}}}}`:                               "got number, want an object",
		start + `}}, "replications": [{"source": 5}]}`:                   "got number, want a string",
		start + `}, "two": {"path": "x", "enable_client_sync": false}}}`: "same for all",
	} {
		_, err := readRestConfig(writeConfig(t, text))
		if err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want an error about %s", text, err, wrong)
		} else if strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "main.") {
			t.Errorf("%s: %v, which names a type of Go", text, err)
		}
	}
}

func TestAConfigurationIsApplied(t *testing.T) {
	file := writeConfig(t, `{"users": "u", "databases": {
		"b": {"path": "x/b", "enable_client_writes": true},
		"a": {"path": "/a", "create": true, "enable_adhoc_queries": true, "queries": {"q": {"query": "SELECT", "grants": ["c.d"]}}}
	}, "replication_targets": ["h"], "cors": {"origin": ["https://a.example"], "max_age": 5},
	"replications": [{"source": "a", "target": "wss://h/a", "trusted_root_certs": "root.pem"}]}`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "root.pem"), []byte("PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readRestConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := c.wanted()
	if err != nil || len(wanted) != 2 || wanted[0].path != "/a" || wanted[0].options.MustExist ||
		wanted[1].path != filepath.Join(filepath.Dir(file), "x/b") || !wanted[1].options.MustExist || c.Interface != restDefault {
		t.Errorf("databases %+v (%v) at %s", wanted, err, c.Interface)
	}
	cfg := rest.Configuration{Databases: make([]rest.Database, 2)}
	if err := c.apply(new(restServer), &cfg); err != nil {
		t.Fatal(err)
	}
	a, b := cfg.Databases[0], cfg.Databases[1]
	if a.Name != "a" || a.ClientWrites || !a.AdHocQueries || a.Queries["q"].Grants[0] != "c.d" || b.Name != "b" || !b.ClientWrites ||
		cfg.ReplicationTargets[0] != "h" || cfg.CORS.MaxAge.Seconds() != 5 || cfg.Replications[0].TrustedRoots != "PEM" {
		t.Errorf("applied as %+v", cfg)
	}
}

func FuzzConfigurationsAreReadOrRefused(f *testing.F) {
	f.Add(`{"users": "u", "databases": {"shop": {"path": "shop", "queries": {"a": "b"}}}, "replications": [{"collections": {"a": {}}}]}`)
	f.Add(`{"databases": null, "https": {}}`)
	file := filepath.Join(f.TempDir(), "edge.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := readRestConfig(file); err == nil {
			if _, err := c.wanted(); err != nil {
				t.Skip(err)
			}
		}
	})
}
