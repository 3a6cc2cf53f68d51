// Package sim simulates weeks of peers on a flaky network in seconds: continuous replicators
// between several peers, links that are down for hours or break in mid-frame, clocks that differ by
// minutes, restarts and power cuts, in one process and in fake time (testing/synctest). At the end
// the links are mended, and all peers must agree. The package has tests only. Each seed gives the
// same events:
// same events:
//
//	go test ./internal/replication/sim -sim.seeds 500 -sim.days 30
//	go test ./internal/replication/sim -sim.seed 42 -v
package sim
