package couch_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Tests{M: m})
}
