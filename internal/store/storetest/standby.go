package storetest

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// Standby starts a server that follows s, over the network.
func (s *Postgres) Standby() (*Postgres, error) {
	folder, err := os.MkdirTemp("", "tandem-postgres-*")
	if err != nil {
		return nil, err
	}
	b := &Postgres{folder: folder, bin: s.bin, base: s.base}
	if err := errors.Join(os.Chmod(folder, 0o755), give(folder)); err != nil { //nolint:gosec // the server's user looks into it
		return nil, err
	}
	if b.port, err = freePort(); err != nil {
		b.Stop()
		return nil, err
	}
	b.base.Host = "127.0.0.1:" + strconv.Itoa(b.port)
	err = b.run("pg_basebackup", "-d", s.Base(), "-D", filepath.Join(folder, "data"), "-R", "-X", "stream", "--checkpoint=fast")
	if err == nil {
		err = b.Resume()
	}
	if err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// Promote makes a standby the primary.
func (s *Postgres) Promote() error {
	return s.run("pg_ctl", "-D", filepath.Join(s.folder, "data"), "-w", "promote")
}

// WithOther returns a URL of this server that names another one beside it, for whichever may be written to.
func (s *Postgres) WithOther(other *Postgres, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	u.Host = s.base.Host + "," + other.base.Host
	query := u.Query()
	query.Set("target_session_attrs", "read-write")
	u.RawQuery = query.Encode()
	return u.String(), nil
}
