package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// A server that has lost the last part of a copy, as by a fail-over to a standby that lags, completes none.
func TestACopyThatLostItsEndIsNotComplete(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 1200 {
		save(t, db, c, fmt.Sprint(i), `{}`)
	}
	for name, loss := range map[string]string{
		"commits": `UPDATE hub SET commits = commits - 3`,
		"line":    `UPDATE hub SET line = 'another'`,
		"lease":   `DELETE FROM node`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "line" {
				inPostgres(t)
			}
			url := postgresURL(t)
			conn := connect(t, url)
			defer conn.Close(background)
			lost := false
			losing := store.WithProgress(background, func(done, total uint64) {
				if done < total || lost {
					return
				}
				lost = true
				for _, sql := range []string{`DELETE FROM "_default._default" WHERE seq > 500`, `UPDATE collection SET last = 500, live = 500`, loss} {
					if _, err := conn.Exec(background, sql); err != nil {
						t.Error(err)
					}
				}
			})
			if err := db.CopyToHub(losing, postgres.Engine{}, url); !errors.Is(err, fault.Invalid) || fault.HintOf(err) == "" || !lost {
				t.Errorf("got %v, want a copy that is not complete", err)
			}
			if _, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{}); !errors.Is(err, fault.CantOpen) {
				t.Errorf("opening what is left: got %v", err)
			}
			if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
				t.Fatal(err)
			}
			if got, want := rowsOf(t, openNode(t, url, store.Options{})), rowsOf(t, db); got != want {
				t.Error(firstDifference(got, want))
			}
		})
	}
}
