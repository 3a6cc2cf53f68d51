package store

import "github.com/tandemdb/tandem/internal/store/row"

// once keeps a reading that has yielded rows from being repeated: its caller would get them twice.
func (h *held) once(do func(r row.Reader, yielded func()) error) error {
	some := false
	return h.read(func(r row.Reader) error {
		if some {
			h.failed = errLockLost
			return errLockLost
		}
		return do(r, func() { some = true })
	})
}

func (h *held) List(collection int64, l row.Listing, each func(*row.Doc) error) error {
	return h.once(func(r row.Reader, yielded func()) error {
		return r.List(collection, l, func(d *row.Doc) error { yielded(); return each(d) })
	})
}

func (h *held) CountSince(collection, since int64) (n int64, err error) {
	err = h.read(func(r row.Reader) error { n, err = r.CountSince(collection, since); return err })
	return n, err
}

func (h *held) NextExpiry(collection int64) (at int64, err error) {
	err = h.read(func(r row.Reader) error { at, err = r.NextExpiry(collection); return err })
	return at, err
}

func (h *held) Kept(collection int64, ids []string) (all []row.Kept, err error) {
	err = h.read(func(r row.Reader) error { all, err = r.Kept(collection, ids); return err })
	return all, err
}

func (h *held) KeptBody(k row.KeptKey) (body []byte, err error) {
	err = h.read(func(r row.Reader) error { body, err = r.KeptBody(k); return err })
	return body, err
}

func (h *held) KeptBlobs(collection int64, each func(body []byte) error) error {
	return h.once(func(r row.Reader, yielded func()) error {
		return r.KeptBlobs(collection, func(body []byte) error { yielded(); return each(body) })
	})
}

func (h *held) FindBlob(digest string) (upload, size int64, ok bool, err error) {
	err = h.read(func(r row.Reader) error { upload, size, ok, err = r.FindBlob(digest); return err })
	return upload, size, ok, err
}

func (h *held) Chunk(upload int64, n int) (data []byte, err error) {
	err = h.read(func(r row.Reader) error { data, err = r.Chunk(upload, n); return err })
	return data, err
}

func (h *held) Value(space, key string) (value []byte, err error) {
	err = h.read(func(r row.Reader) error { value, err = r.Value(space, key); return err })
	return value, err
}

func (h *held) Values(space string, each func(key string, value []byte)) error {
	return h.once(func(r row.Reader, yielded func()) error {
		return r.Values(space, func(key string, value []byte) { yielded(); each(key, value) })
	})
}

func (h *held) NthValue(space string, n int) (value []byte, err error) {
	err = h.read(func(r row.Reader) error { value, err = r.NthValue(space, n); return err })
	return value, err
}

func (h *held) Conflicts(collection, id string, before int64, limit int) (all []row.Conflict, err error) {
	err = h.read(func(r row.Reader) error { all, err = r.Conflicts(collection, id, before, limit); return err })
	return all, err
}

// HasBlob also keeps the content there until the end, under the lock: the commit looks again otherwise.
func (h *held) HasBlob(digest string) (has bool, err error) {
	err = h.read(func(r row.Reader) error { has, err = r.HasBlob(digest); return err })
	return has, err
}

func (h *held) KeptOf(collection int64, ids []string, each func(*row.Kept) error) error {
	return h.once(func(r row.Reader, yielded func()) error {
		return r.KeptOf(collection, ids, func(k *row.Kept) error { yielded(); return each(k) })
	})
}

func (h *held) Spaces() (all []string, err error) {
	err = h.read(func(r row.Reader) error { all, err = r.Spaces(); return err })
	return all, err
}

func (h *held) Settings() (all map[string]int64, err error) {
	err = h.read(func(r row.Reader) error { all, err = r.Settings(); return err })
	return all, err
}
