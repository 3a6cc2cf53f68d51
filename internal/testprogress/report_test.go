package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/testsize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shown lets the program read events, and returns what it writes.
func shown(t *testing.T, wipe string, events ...any) string {
	t.Helper()
	in, writer := io.Pipe()
	var out strings.Builder
	done := make(chan error, 1)
	go func() { done <- follow(in, &out, time.Minute, wipe) }()
	for _, e := range events {
		switch e := e.(type) {
		case time.Duration:
			time.Sleep(e)
		case string:
			_, _ = io.WriteString(writer, e+"\n") // a pipe of ours
		default:
			if err := json.NewEncoder(writer).Encode(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = writer.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return out.String()
}

func TestAReportSaysWhatMatters(t *testing.T) {
	ok := event{Action: "output", Package: "x/ours", Output: "ok  \tx/ours\t1.5s\n"}
	starts := event{Action: "run", Package: "x/ours", Test: "TestA"}
	writes := event{Action: "output", Package: "x/ours", Test: "TestA", Output: "    here is why\n"}
	for name, c := range map[string]struct {
		events        []any
		want, wantNot []string
	}{
		"a package that passes": {
			[]any{starts, writes, event{Action: "pass", Package: "x/ours", Test: "TestA", Elapsed: 1.5}, ok, event{Action: "pass", Package: "x/ours"}},
			[]string{"ok  \tx/ours\t1.5s\n", "   1.5 s  x/ours TestA\n", "1 tests passed, 0 failed, 0 were skipped"},
			[]string{"here is why"},
		},
		"a test that fails": {
			[]any{starts, writes, event{Action: "fail", Package: "x/ours", Test: "TestA"}, event{Action: "fail", Package: "x/ours"}},
			[]string{"    here is why\n", "0 tests passed, 1 failed"},
			nil,
		},
		"a panic, which ends no test": {
			[]any{
				starts, writes,
				event{Action: "output", Package: "x/ours", Output: "FAIL\tx/ours\t0.1s\n"},
				event{Action: "fail", Package: "x/ours"},
			},
			[]string{"    here is why\nFAIL\tx/ours\t0.1s\n"},
			nil,
		},
		"a package that does not build": {
			[]any{event{Action: "build-output", ImportPath: "x/ours", Output: "undefined: y\n"}},
			[]string{"undefined: y\n"},
			nil,
		},
		"no event at all":       {[]any{"go: updates needed"}, []string{"go: updates needed\n"}, nil},
		"something takes time":  {[]any{starts, 61 * time.Second}, []string{"60 s  0 passed, 0 failed; at work: ours TestA\n"}, nil},
		"the compiler is at it": {[]any{61 * time.Second}, []string{"at work: the compiler\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				got := shown(t, "", c.events...)
				for _, want := range c.want {
					if !strings.Contains(got, want) {
						t.Errorf("got\n%s\nwithout %q", got, want)
					}
				}
				for _, not := range c.wantNot {
					if strings.Contains(got, not) {
						t.Errorf("got\n%s\nwith %q", got, not)
					}
				}
			})
		})
	}
}

func TestALineOfProgressIsTakenBackOnATerminal(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		got := shown(t, "<wiped>", 61*time.Second, event{Action: "build-output", Output: "undefined: y\n"})
		if !strings.Contains(got, "the compiler<wiped>undefined: y\n") {
			t.Errorf("got %q", got)
		}
	})
}
