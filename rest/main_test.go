package rest_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		fmt.Fprintln(os.Stderr, serveAsChild(folder))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
