package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandemdb/tandem"
)

type damagedKey struct{}

// damaged DB... says that the script has damaged databases: they must not be sound at its end.
func damaged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: damaged database...")
	}
	for _, name := range args {
		ts.Value(damagedKey{}).(map[string]bool)[name] = true
	}
}

// checkSound checks every database that a script has left in its folder, except encrypted ones, whose
// keys it does not know.
func checkSound(t testing.TB, folder string, damaged map[string]bool) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.tandem"))
	if err != nil {
		t.Error(err)
	}
	for _, path := range paths {
		err := checkDatabase(path)
		if errors.Is(err, tandem.ErrNotADatabase) {
			continue
		}
		if want := damaged[filepath.Base(path)]; (err != nil) != want {
			t.Errorf("at the end of the script %s is damaged: %t (%v), want %t", path, err != nil, err, want)
		}
	}
}

func checkDatabase(path string) error {
	db, err := tandem.Open(context.Background(), path, tandem.Options{})
	if err != nil {
		return err
	}
	problems, err := db.Check(context.Background())
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	return errors.Join(err, db.Close())
}
