package store

import "github.com/ncruces/go-sqlite3"

// Remote numbers a peer permanently within one database; see [Tx.RemoteFor]. Zero means no remote.
type Remote int64

// RemoteFor returns the number of the remote at url. An Update numbers a new remote; a View returns
// 0 for it.
func (tx *Tx) RemoteFor(url string) (remote Remote, err error) {
	number := func(s *sqlite3.Stmt) error { remote = Remote(s.ColumnInt64(0)); return nil }
	s, err := tx.stmt(sqlFindRemote)
	if err != nil {
		return 0, err
	}
	if err := query(s, number, url); err != nil || remote != 0 || tx.group == nil {
		return remote, sqlFault(err, "find remote", url)
	}
	err = tx.atomic(func() error {
		if s, err = tx.writing(sqlAddRemote, last); err != nil {
			return err
		}
		return sqlFault(query(s, number, url), "add remote", url)
	})
	return remote, err
}

// Remotes maps the URLs of all remotes that this database has replicated with to their numbers.
func (tx *Tx) Remotes() (map[string]Remote, error) {
	s, err := tx.stmt(sqlListRemotes)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Remote)
	err = query(s, func(s *sqlite3.Stmt) error { all[s.ColumnText(1)] = Remote(s.ColumnInt64(0)); return nil })
	return all, sqlFault(err, "list remotes", tx.db.path)
}

// RemoteURL is the inverse of [Tx.RemoteFor].
func (tx *Tx) RemoteURL(remote Remote) (url string, err error) {
	s, err := tx.stmt(sqlRemoteURL)
	if err != nil {
		return "", err
	}
	err = query(s, func(s *sqlite3.Stmt) error { url = s.ColumnText(0); return nil }, int64(remote))
	return url, sqlFault(err, "find remote", tx.db.path)
}
