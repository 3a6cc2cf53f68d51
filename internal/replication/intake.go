package replication

// intake says where the revisions of one collection go, and which parts hear of them.
type intake struct {
	c         *collection
	side      pullSide
	wanted    *wanted
	conflicts *conflicts
	push      *pushSlot
	parents   parents
}
