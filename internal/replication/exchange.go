package replication

// exchange groups the parts of a session that work on one collection.
type exchange struct {
	*collection
	pull      *puller
	conflicts *conflicts
	push      pushSlot
	check     *checkpointer // saves the ledger; active side only
}

// newExchange makes the parts of one collection. side returns the pull's role.
func newExchange(c *collection, r *receiver, continuous bool, side func(*wanted) pullSide) *exchange {
	x := &exchange{collection: c}
	x.conflicts = newConflicts(c, &x.push, continuous)
	asked := newWanted(c)
	x.pull = newPuller(&intake{c: c, side: side(asked), wanted: asked, conflicts: x.conflicts, push: &x.push}, r)
	return x
}

// busy reports whether the collection has unfinished work.
func (x *exchange) busy() bool {
	return x.pull.busy() || x.push.busy() || x.conflicts.busy()
}
