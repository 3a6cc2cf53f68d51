package store

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

func (r *sqliteRows) peerCheckpoint(client string) (rev int64, body []byte, err error) {
	s, err := r.tx().stmt(sqlGetPeerCheckpoint)
	if err != nil {
		return 0, nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		rev, body = s.ColumnInt64(0), s.ColumnBlob(1, []byte{})
		return nil
	}, client)
	return rev, body, err
}

func (r *sqliteRows) setPeerCheckpoint(client string, rev int64, body []byte, at place) error {
	return r.change(sqlSetPeerCheckpoint, at, client, rev, body)
}

func (r *sqliteRows) localCheckpoint(id string) (body []byte, err error) {
	s, err := r.tx().stmt(sqlGetLocalCheckpoint)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { body = s.ColumnBlob(0, []byte{}); return nil }, id)
	return body, err
}

func (r *sqliteRows) setLocalCheckpoint(id string, body []byte, at place) error {
	if body == nil {
		return r.change(sqlDropLocalCheckpoint, at, id)
	}
	return r.change(sqlSetLocalCheckpoint, at, id, body)
}

func (r *sqliteRows) remote(url string) (remote Remote, err error) {
	s, err := r.tx().stmt(sqlFindRemote)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { remote = Remote(s.ColumnInt64(0)); return nil }, url)
	return remote, err
}

func (r *sqliteRows) addRemote(url string, at place) (remote Remote, err error) {
	s, err := r.writing(sqlAddRemote, at)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { remote = Remote(s.ColumnInt64(0)); return nil }, url)
	return remote, err
}

func (r *sqliteRows) remoteURL(remote Remote) (url string, err error) {
	s, err := r.tx().stmt(sqlRemoteURL)
	if err != nil {
		return "", err
	}
	err = query(s, func(s *sqlite3.Stmt) error { url = s.ColumnText(0); return nil }, int64(remote))
	return url, err
}

func (r *sqliteRows) remotes() (map[string]Remote, error) {
	s, err := r.tx().stmt(sqlListRemotes)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Remote)
	err = query(s, func(s *sqlite3.Stmt) error { all[s.ColumnText(1)] = Remote(s.ColumnInt64(0)); return nil })
	return all, err
}

func (r *sqliteRows) hasBlob(key blobKey) (bool, error) { return r.db.blobs.has(key), nil }

func (r *sqliteRows) addPending(digest string, until time.Time, at place) error {
	return r.change(sqlAddPending, at, digest, until.UnixMilli())
}

func (r *sqliteRows) dropPending(digest string, at place) error {
	return r.change(sqlDropPending, at, digest)
}
