package couch_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		storetest.StopPostgres()
		os.Exit(status)
	}))
}
