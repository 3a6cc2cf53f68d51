package identity_test

import (
	"testing"

	"github.com/zalando/go-keyring"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	keyring.MockInit()
	goleak.VerifyTestMain(m)
}
