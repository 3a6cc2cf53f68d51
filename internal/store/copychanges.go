package store

import "errors"

// pending collects small changes of the copy, and makes many at once.
func (k *copier) pending() *pendingChanges { return &pendingChanges{k: k} }

type pendingChanges struct {
	k       *copier
	changes []func(*Tx) error
	bytes   int
	err     error // of the first changes that failed; later ones are left out
}

func (w *pendingChanges) add(size int, change func(*Tx) error) {
	if w.err != nil {
		return
	}
	w.changes = append(w.changes, change)
	if w.bytes += size; w.bytes >= copyBytes || len(w.changes) >= copyRows {
		w.flush()
	}
}

func (w *pendingChanges) flush() {
	if len(w.changes) == 0 || w.err != nil {
		return
	}
	w.err = w.k.update(func(tx *Tx) error {
		for _, change := range w.changes {
			if err := change(tx); err != nil {
				return err
			}
		}
		return nil
	})
	w.changes, w.bytes = w.changes[:0], 0
}

// end makes the last changes. err is that of whoever has added them.
func (w *pendingChanges) end(err error) error {
	w.flush()
	return errors.Join(w.err, err)
}
