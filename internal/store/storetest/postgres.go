package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var errNoPostgres = errors.New("PostgreSQL is not installed here: apt-get install postgresql")

// Postgres is a running server of PostgreSQL.
type Postgres struct {
	folder  string // "" of one that the environment names
	bin     string
	port    int
	durable bool // it writes to the disk at each commit
	base    url.URL
	schemas atomic.Int64
	between *Injector // nil where no statements fail
}

// StartPostgres starts a server in a temporary folder, on a free port, and ends it after the test. The variable TANDEM_POSTGRES
// may name one that runs already: a URL without a schema. Where PostgreSQL is not installed, the test is skipped.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	return started(t, func() (*Postgres, error) { return startPostgres(false) })
}

// StartDurablePostgres is StartPostgres for a server that writes to the disk at each commit, as those of users do.
func StartDurablePostgres(t testing.TB) *Postgres {
	t.Helper()
	return started(t, func() (*Postgres, error) { return startPostgres(true) })
}

func started(t testing.TB, start func() (*Postgres, error)) *Postgres {
	t.Helper()
	s, err := start()
	s = needed(t, s, err)
	t.Cleanup(s.Stop)
	return s
}

// needed skips a test where PostgreSQL is not installed, and fails one where it does not start.
func needed(t testing.TB, s *Postgres, err error) *Postgres {
	t.Helper()
	if errors.Is(err, errNoPostgres) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func startPostgres(durable bool) (*Postgres, error) {
	if text := os.Getenv("TANDEM_POSTGRES"); text != "" {
		base, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		return &Postgres{base: *base}, nil
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "tandem-postgres-*")
	if err != nil {
		return nil, err
	}
	s := &Postgres{folder: folder, bin: bin, durable: durable}
	if err := errors.Join(os.Chmod(folder, 0o755), give(folder)); err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "data")
	if err := s.run("initdb", "-D", data, "-A", "trust", "-U", "tandem", "--encoding=UTF8", "--locale=C", "--no-sync"); err != nil {
		s.Stop()
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		s.Stop()
		return nil, err
	}
	s.base = url.URL{Scheme: "postgres", User: url.User("tandem"), Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: "/postgres"}
	if err := s.Resume(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Resume starts the server again after Pause.
func (s *Postgres) Resume() error {
	options := fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=%t -c max_connections=200", s.port, s.folder, s.durable)
	return s.run("pg_ctl", "-D", filepath.Join(s.folder, "data"), "-o", options, "-l", filepath.Join(s.folder, "log"), "-w", "start")
}

// Pause stops the server at once, as a failure would.
func (s *Postgres) Pause() error {
	return s.run("pg_ctl", "-D", filepath.Join(s.folder, "data"), "-m", "immediate", "-w", "stop")
}

// Stop ends the server and removes its files.
func (s *Postgres) Stop() {
	if s.between != nil {
		s.between.stop()
	}
	if s.folder == "" {
		return
	}
	_ = s.Pause() // it may never have started
	_ = os.RemoveAll(s.folder)
}

// URL returns the URL of a schema that no other call has.
func (s *Postgres) URL() string {
	return s.In(fmt.Sprintf("test_%d_%d", os.Getpid(), s.schemas.Add(1)))
}

// In returns the URL of a schema.
func (s *Postgres) In(schema string) string {
	u := s.base
	query := u.Query()
	query.Set("schema", schema)
	if Portable() {
		query.Set("portable", "true")
	}
	u.RawQuery = query.Encode()
	if s.between != nil {
		u.Host = s.between.listener.Addr().String()
	}
	return u.String()
}

// Plain returns the URL of a database for nodes that may use all that PostgreSQL has, and none of whose statements fails.
func Plain(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return database
	}
	query := u.Query()
	query.Del("portable")
	u.RawQuery = query.Encode()
	u.Host = hostOf(u.Host)
	return u.String()
}

// hostOf returns the host and port of the server that is behind the injector of this test binary, or host.
func hostOf(host string) string {
	if s := shared.server; s != nil && s.between != nil && host == s.between.listener.Addr().String() {
		return s.base.Host
	}
	return host
}

// Backup writes a schema to a file. Restore puts it back, while nodes have it open.
func (s *Postgres) Backup(schema string) (file string, err error) {
	file = filepath.Join(s.folder, schema+".dump")
	return file, s.run("pg_dump", "-d", s.Base(), "-n", schema, "-Fc", "-f", file)
}

// Restore puts a schema back to what Backup has written.
func (s *Postgres) Restore(file string) error {
	return s.run("pg_restore", "-d", s.Base(), "--clean", "--single-transaction", file)
}

// Base returns the URL without a schema.
func (s *Postgres) Base() string { return s.base.String() }

func (s *Postgres) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	become(cmd)
	log, err := os.Create(filepath.Join(s.folder, name+".out"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log // no pipe, which a server would keep open
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(text)))
	}
	return nil
}

// binaries returns the folder of the latest version that is installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNoPostgres
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// shared is the server of a test binary.
var shared struct {
	once   sync.Once
	server *Postgres
	err    error
}

// SharedPostgres returns the server of this test binary, and starts it at first. StopPostgres ends it. Where PostgreSQL is not
// installed, the test is skipped.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = startPostgres(false)
		if shared.err == nil && Portable() {
			shared.server.between, shared.err = startInjector(shared.server.base.Host, true)
		}
	})
	return needed(t, shared.server, shared.err)
}

// StopPostgres ends the server of this test binary, if it was started.
func StopPostgres() {
	if shared.server != nil {
		shared.server.Stop()
		if shared.server.between != nil {
			fmt.Fprintf(os.Stderr, "%d statements were made to fail\n", shared.server.between.FailAt(0))
		}
	}
}

// Runs reports whether the server ran before, and is not this process's to stop.
func (s *Postgres) Runs() bool { return s.folder == "" }
