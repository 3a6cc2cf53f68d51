package replication

// exchange is what goes on about one collection: the parts that work on it.
type exchange struct {
	*collection
	pull      *puller
	conflicts *conflicts
	push      pushSlot
	check     *checkpointer // saves the ledger; active side only
}

// newExchange makes the parts of one collection. The side is what its pull does in this role.
func newExchange(c *collection, r *receiver, continuous bool, side func(*wanted) pullSide) *exchange {
	x := &exchange{collection: c}
	x.conflicts = newConflicts(c, &x.push, continuous)
	asked := newWanted(c)
	x.pull = newPuller(&intake{c: c, side: side(asked), wanted: asked, conflicts: x.conflicts, push: &x.push}, r)
	return x
}

// busy reports whether anything about the collection is under way.
func (x *exchange) busy() bool {
	return x.pull.busy() || x.push.busy() || x.conflicts.busy()
}
