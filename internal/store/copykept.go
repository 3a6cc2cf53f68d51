package store

// withKept copies documents with the revisions kept beside them: each in one transaction with its own.
func (k *copier) withKept(c *Collection, docs []*Document) error {
	if len(docs) == 0 {
		return nil
	}
	g := &keptGroup{k: k, to: k.collections[c.id], left: make(map[string]*Document, len(docs))}
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i], g.left[d.ID] = d.ID, d
	}
	if err := k.snapshot.rows.keptWithBodies(c, ids, g.add); err != nil {
		return err
	}
	for _, d := range g.left { // a flag may say of a revision that is gone
		g.heads = append(g.heads, d)
	}
	g.flush()
	for _, key := range g.blobs {
		if g.err == nil {
			g.err = k.copyBlob(key)
		}
	}
	return g.err
}

// keptGroup collects documents with all their kept revisions, which come one by one, for one transaction.
type keptGroup struct {
	k    *copier
	to   *Collection
	left map[string]*Document // whose revisions have not come

	heads []*Document
	kept  []keptCopy
	bytes int
	blobs []blobKey // for later: the snapshot reads nothing else while revisions come
	err   error
}

type keptCopy struct {
	id   string
	is   keptRow
	body []byte
}

func (g *keptGroup) add(id string, is keptRow, body []byte) {
	if d := g.left[id]; d != nil { // the first of a document
		if g.bytes >= copyBytes || len(g.kept) >= copyRows {
			g.flush()
		}
		delete(g.left, id)
		g.heads = append(g.heads, d)
	}
	if is.flags&(flagBlobs|flagAttachments) != 0 && g.err == nil {
		g.err = eachBlob(body, func(key blobKey) error {
			if !g.k.blobs[key] {
				g.blobs = append(g.blobs, key)
			}
			return nil
		})
	}
	g.kept = append(g.kept, keptCopy{id, is, body})
	g.bytes += len(body)
}

// flush makes the transaction, and is idle after one has failed.
func (g *keptGroup) flush() {
	if g.err == nil {
		g.err = g.k.update(func(tx *Tx) error {
			if err := tx.insertCopies(g.to, g.heads); err != nil {
				return err
			}
			for _, r := range g.kept {
				if err := tx.rows.addKept(g.to, r.id, r.is, r.body, more); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.heads, g.kept, g.bytes = nil, nil, 0
}
