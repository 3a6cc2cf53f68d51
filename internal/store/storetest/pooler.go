package storetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ErrNoPooler reports that PgBouncer is not installed.
var ErrNoPooler = errors.New("PgBouncer is not installed here: apt-get install pgbouncer")

// poolerTime bounds the start of a pooler.
const poolerTime = time.Minute

// StartPooler starts PgBouncer in front of the server, which runs each transaction on any of three sessions.
func (s *Postgres) StartPooler() (address string, stop func(), err error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		return "", nil, ErrNoPooler
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	folder, err := os.MkdirTemp("", "tandem-pgbouncer-*")
	if err != nil {
		return "", nil, err
	}
	log := filepath.Join(folder, "log")
	config := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s user=tandem
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
logfile = %s
`, s.base.Hostname(), s.base.Port(), port, log)
	//nolint:gosec // the server's user reads it
	if err := errors.Join(os.WriteFile(config, []byte(text), 0o644), os.Chmod(folder, 0o755), give(folder)); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(folder))
	}
	cmd := exec.Command(program, config)
	become(cmd)
	if err := cmd.Start(); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		_ = os.RemoveAll(folder)
	}
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(poolerTime); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return address, stop, conn.Close()
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log)
			stop()
			return "", nil, fmt.Errorf("PgBouncer does not start: %w: %s", err, text)
		}
	}
}
