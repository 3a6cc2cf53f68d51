package bench_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bench"
)

// role is the variable of the environment that makes this test's program a peer.
const role = "TANDEM_BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "peer":
		if err := bench.ServePeer(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "dead":
		os.Exit(3)
	}
	goleak.VerifyTestMain(m)
}
