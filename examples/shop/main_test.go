package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/tandemdb/tandem"
)

// The program is the one that README.md shows.
func TestTheProgramOfTheReadmeIsThisOne(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, shown, _ := bytes.Cut(program, []byte("\nfunc run")); !bytes.Contains(readme, shown) {
		t.Error("README.md does not show run as it is in main.go")
	}
}

// Both sides have both documents afterwards.
func TestTheProgramSyncsWithAListener(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TANDEM_PASSWORD", "secret")
	db, err := tandem.Open(t.Context(), "shop", tandem.Options{})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	shop, err := db.DefaultCollection(t.Context())
	check(t, err)
	check(t, shop.Put(t.Context(), "bread", map[string]any{"grams": 500}))
	cfg, err := tandem.ListenerConfigurationForDatabase(t.Context(), db)
	check(t, err)
	cfg.Authenticator = tandem.StaticPassword("ann", "secret")
	cfg.NetworkInterface, cfg.IdentityStore = "127.0.0.1", tandem.MemoryIdentityStore()
	listener, err := tandem.NewURLEndpointListener(cfg)
	check(t, err)
	check(t, listener.Start())
	defer listener.Stop()

	check(t, run(t.Context(), listener.URLs()[0], listener.TLSIdentity().Fingerprint()))

	var butter struct{ Grams int }
	check(t, shop.Get(t.Context(), "butter", &butter))
	if butter.Grams != 250 {
		t.Errorf("the listener has %d g of butter, want 250", butter.Grams)
	}
	goods, err := tandem.Open(t.Context(), "goods", tandem.Options{MustExist: true})
	check(t, err)
	defer func() { check(t, goods.Close()) }()
	copied, err := goods.DefaultCollection(t.Context())
	check(t, err)
	check(t, copied.Get(t.Context(), "bread", &butter))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
