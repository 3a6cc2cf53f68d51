package store

// Remote numbers a peer permanently within one database; see [Tx.RemoteFor]. Zero means no remote.
type Remote int64

// RemoteFor returns the number of the remote at url. An Update numbers a new remote; a View returns
// 0 for it.
func (tx *Tx) RemoteFor(url string) (remote Remote, err error) {
	if remote, err = tx.rows.remote(url); err != nil || remote != 0 || tx.group == nil {
		return remote, sqlFault(err, "find remote", url)
	}
	err = tx.atomic(func() error {
		remote, err = tx.rows.addRemote(url, last)
		return sqlFault(err, "add remote", url)
	})
	return remote, err
}

// Remotes maps the URLs of all remotes that this database has replicated with to their numbers.
func (tx *Tx) Remotes() (map[string]Remote, error) {
	all, err := tx.rows.remotes()
	return all, sqlFault(err, "list remotes", tx.db.path)
}

// RemoteURL is the inverse of [Tx.RemoteFor].
func (tx *Tx) RemoteURL(remote Remote) (url string, err error) {
	url, err = tx.rows.remoteURL(remote)
	return url, sqlFault(err, "read remote", tx.db.path)
}
