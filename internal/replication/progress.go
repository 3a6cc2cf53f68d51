package replication

import "sync/atomic"

// Progress is how far a session has come. During the session its counts never decrease, but for the totals.
type Progress struct {
	Busy bool // the session is sending, receiving or resolving

	Push, Pull Direction

	Conflicts      uint64 // conflicts resolved
	DeltasSent     uint64
	DeltasReceived uint64
	DeltasRefused  uint64 // sent, refused by the peer, and sent again in full
	DeltaSaved     uint64 // bytes of bodies that deltas saved
	BlobsSent      uint64
	BlobsReceived  uint64
	BlobBytes      uint64 // received

	BytesSent, BytesReceived uint64 // BLIP frames on the connection
}

// Direction is the progress of one direction.
type Direction struct {
	Completed uint64 // revisions processed, out of Total
	Total     uint64 // revisions known or foretold so far; may grow, and shrink by what need not be transferred
	Documents uint64 // documents transferred, without those that the receiver already had
	Failed    uint64 // documents that failed
	Bytes     uint64 // bytes of transferred bodies
}

// counters is Progress in the form that the session's goroutines update.
type counters struct {
	pushCounters
	pullCounters

	conflicts, deltasSent, deltasReceived, deltasRefused, deltaSaved atomic.Uint64
	blobsSent, blobsReceived, blobBytes                              atomic.Uint64
}

type pushCounters struct{ pushTotal, pushCompleted, pushed, pushFailed, pushBytes atomic.Uint64 }

type pullCounters struct{ pullTotal, pullCompleted, pulled, pullFailed, pullBytes atomic.Uint64 }

func (c *counters) addTo(p *Progress) {
	p.Push.count(&c.pushTotal, &c.pushCompleted, &c.pushed, &c.pushFailed, &c.pushBytes)
	p.Pull.count(&c.pullTotal, &c.pullCompleted, &c.pulled, &c.pullFailed, &c.pullBytes)
	p.Conflicts += c.conflicts.Load()
	p.DeltasSent += c.deltasSent.Load()
	p.DeltasReceived += c.deltasReceived.Load()
	p.DeltasRefused += c.deltasRefused.Load()
	p.DeltaSaved += c.deltaSaved.Load()
	p.BlobsSent += c.blobsSent.Load()
	p.BlobsReceived += c.blobsReceived.Load()
	p.BlobBytes += c.blobBytes.Load()
}

func (d *Direction) count(total, completed, documents, failed, bytes *atomic.Uint64) {
	d.Completed += completed.Load() // read before Total, which grows first, so that Completed never exceeds it
	d.Total += total.Load()
	d.Documents += documents.Load()
	d.Failed += failed.Load()
	d.Bytes += bytes.Load()
}

// Add adds the counts of another session, and takes over its Busy.
func (p *Progress) Add(o Progress) {
	p.Busy = o.Busy
	p.Push.sum(o.Push)
	p.Pull.sum(o.Pull)
	p.Conflicts += o.Conflicts
	p.DeltasSent += o.DeltasSent
	p.DeltasReceived += o.DeltasReceived
	p.DeltasRefused += o.DeltasRefused
	p.DeltaSaved += o.DeltaSaved
	p.BlobsSent += o.BlobsSent
	p.BlobsReceived += o.BlobsReceived
	p.BlobBytes += o.BlobBytes
	p.BytesSent += o.BytesSent
	p.BytesReceived += o.BytesReceived
}

func (d *Direction) sum(o Direction) {
	d.Completed += o.Completed
	d.Total += o.Total
	d.Documents += o.Documents
	d.Failed += o.Failed
	d.Bytes += o.Bytes
}
