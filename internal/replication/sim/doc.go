// Package sim holds weeks of peers on a flaky network, simulated in seconds: continuous replicators
// between several peers, links that are down for hours or break in mid-frame, clocks that differ by
// minutes, restarts and power cuts, all in one process and in fake time (testing/synctest). In the
// end the links are mended, and all peers must have the same. It has tests only; each seed gives the
// same events:
//
//	go test ./internal/replication/sim -sim.seeds 500 -sim.days 30
//	go test ./internal/replication/sim -sim.seed 42 -v
package sim
