package rest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

func FuzzReplicationsAreReadOrRefused(f *testing.F) {
	db := open(f, "shop", tandem.Options{})
	f.Add(`{"source":"shop","target":"wss://h/x","collections":{"a.b":{"channels":["c"]}}}`)
	f.Add(`{"source":"ws://u:` + planted + `@h/x","target":"shop.a%2Eb","collections":["a"]}`)
	f.Add(`{"source":"` + planted + `@h","target":"shop"}`)
	f.Add(`{"source":"shop","peer":"x","auth":{"password":"` + planted + `"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var what rest.Replication
		if json.Unmarshal([]byte(text), &what) != nil {
			return
		}
		_, err := rest.NewHandler(rest.Configuration{
			Databases: []rest.Database{{Database: db}}, Anonymous: true, Replications: []rest.Replication{what},
		})
		if err != nil && strings.Contains(err.Error(), planted) {
			t.Errorf("the error shows a secret: %v", err)
		}
	})
}
