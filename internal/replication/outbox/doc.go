// Package outbox decides which revisions to push to a peer, and tracks what became of them. It is
// pure: it has no goroutine, context, database, connection or clock. Its caller has these, reports
// events to the outbox, and executes the next step:
//
//	box := outbox.New(outbox.Proposes{Pulls: true}, ledger, limits, selection)
//	for {
//		switch step := box.Next(); step.Do {
//		case outbox.Read: // … and then
//			box.Changed(head, filter)
//			box.Reached(sequence, exhausted)
//		case outbox.Announce: // … and when the peer has answered
//			box.Answered(step.Items, answers, now)
//		…
//		case outbox.Rest:
//			// until something comes in
//		}
//	}
//
// # An item
//
// An [Item] is one revision of a document on its way. The usual way is down the middle:
//
//	         (a change)
//	              │
//	waiting ──> noted <────────────────┬─────────────┐
//	              │                    │             │
//	           queued <─── barred      │             │
//	batched ──────┤           │        │             │
//	   ^          │           │        │             │
//	   └───── offered ────────│── conflict ──> held ─┤
//	              │           │        │             │
//	blocked ──> wanted        │        │          touching
//	              │           │        │
//	            sent ──────── 403 ─────┘
//	              │
//	           arrived ──> marking ──> leaving ──> gone
//
// These are all the moves:
//
//	unborn    waiting, noted, queued, leaving
//	waiting   noted, gone
//	noted     queued, held, leaving, gone
//	queued    offered
//	batched   offered
//	offered   batched, queued, blocked, wanted, arrived, noted, touching, leaving, gone
//	blocked   wanted
//	wanted    sent
//	sent      wanted, queued, barred, arrived, noted, leaving, gone
//	arrived   marking
//	marking   leaving, gone
//	held      noted, touching, leaving, gone
//	touching  noted
//	barred    queued, gone
//	leaving   gone
//	gone
//
// Where a document changes while an earlier revision of it is on its way, [Proposes] lets the change wait
// and looks at it afterwards, since it may have another parent by then; [Offers] announces it at once, and
// sends it, if it is wanted, when the earlier one is done. What the peer refuses for a revision of its own
// is held until the pull has brought that. If both have seen the other's, a new revision is made (touching).
// What it forbids is proposed once more when all else is done.
//
// # Guarantees
//
// One method moves items, and any move that is not listed above is an error of [Outbox.Err], after which
// the outbox is of no more use. A sequence is pending from when its item is made until the item is gone,
// and is complete there and nowhere else; an item that is left for the next session never completes its
// sequence. The user has heard of a refusal before that. No more is announced, read ahead and sent than
// [Limits] allow, and what is gone is forgotten.
package outbox
