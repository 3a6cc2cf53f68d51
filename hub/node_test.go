package hub_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
)

// nodeVariable makes the test program run as a node of the database at the URL that it names.
const nodeVariable = "TANDEM_HUB_TEST_NODE"

// profileVariable names a file for the processor profile of a node.
const profileVariable = "TANDEM_HUB_TEST_PROFILE"

// nodeChild serves the database at a URL until its input ends. It prints its endpoint, and obeys the lines of its input.
func nodeChild(at string) int {
	if err := runNode(at); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

func runNode(at string) error {
	ctx := context.Background()
	if name := os.Getenv(profileVariable); name != "" {
		file, err := os.Create(name)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	db, err := tandem.Open(ctx, at, tandem.Options{Engine: hub.PostgreSQL()})
	if err != nil {
		return err
	}
	defer db.Close()
	coll, err := db.DefaultCollection(ctx)
	if err != nil {
		return err
	}
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, DisableTLS: true, NetworkInterface: "127.0.0.1", MaxConnectionsPerAddress: 600,
	})
	if err != nil {
		return err
	}
	if err := l.Start(); err != nil {
		return err
	}
	defer l.Stop()
	fmt.Println(l.URLs()[0])
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := obey(ctx, db, coll, strings.Fields(lines.Text())); err != nil {
			return err
		}
	}
	return nil
}

// obey does what a line says, and prints one line.
func obey(ctx context.Context, db *tandem.Database, coll *tandem.Collection, words []string) error {
	switch words[0] {
	case "save":
		fmt.Println("saved", coll.Put(ctx, words[1], map[string]string{"by": "node"}))
	case "load": // so many documents of 1 kB
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		began := time.Now()
		fmt.Println("loaded", load(ctx, coll, "d", n), time.Since(began).Seconds())
	case "memory":
		runtime.GC()
		debug.FreeOSMemory()
		kB, err := ownStatus("VmRSS")
		s, _ := db.NodeStatistics()
		fmt.Println("memory", kB, s.Connections+1)
		return err
	case "peak":
		kB, err := ownStatus("VmHWM")
		fmt.Println("peak", kB)
		return err
	}
	return nil
}

// ownStatus returns a number of what the system says about this process.
func ownStatus(name string) (number string, err error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(string(text), name+":")
	return strings.Fields(after)[0], nil
}

// load saves documents in batches.
func load(ctx context.Context, coll *tandem.Collection, prefix string, n int) error {
	const atOnce = 1000
	body := []byte(fmt.Sprintf(`{"pad":%q,"n":12345}`, strings.Repeat("x", 980)))
	for from := 0; from < n; from += atOnce {
		ids := make([]string, min(atOnce, n-from))
		for i := range ids {
			ids[i] = fmt.Sprintf("%s%08d", prefix, from+i)
		}
		err := coll.Database().InBatch(ctx, func(b *tandem.Batch) error {
			if err := b.Expect(coll, ids...); err != nil {
				return err
			}
			for _, id := range ids {
				d, err := tandem.NewDocumentWithBody(id, body)
				if err != nil {
					return err
				}
				if err := b.Save(coll, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// process is a node in a process of its own.
type process struct {
	cmd      *exec.Cmd
	input    io.WriteCloser
	output   *bufio.Scanner
	endpoint string
}

// startNode starts a node, which ends with the test at the latest. Its profile goes to a file unless that has no name.
func startNode(t testing.TB, at, profile string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), nodeVariable+"="+at)
	if profile != "" {
		file, err := filepath.Abs(profile)
		check(t, err)
		cmd.Env = append(cmd.Env, profileVariable+"="+file)
	}
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	check(t, err)
	output, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	p := &process{cmd: cmd, input: input, output: bufio.NewScanner(output)}
	t.Cleanup(p.end)
	p.endpoint = p.line(t)
	return p
}

// line reads a line of the node.
func (p *process) line(t testing.TB) string {
	t.Helper()
	if !p.output.Scan() || strings.HasPrefix(p.output.Text(), "failed") {
		t.Fatalf("a node says %q, %v", p.output.Text(), p.output.Err())
	}
	return p.output.Text()
}

// ask has the node do something, and returns the words of its answer.
func (p *process) ask(t testing.TB, what string) []string {
	t.Helper()
	_, err := fmt.Fprintln(p.input, what)
	check(t, err)
	return strings.Fields(p.line(t))
}

// end lets the node end in order.
func (p *process) end() {
	_ = p.input.Close() // it may have been killed
	_ = p.cmd.Wait()
}
