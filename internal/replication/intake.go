package replication

// intake is where the revisions of one collection go, and who hears of them.
type intake struct {
	c         *collection
	side      pullSide
	wanted    *wanted
	conflicts *conflicts
	push      *pushSlot
}
