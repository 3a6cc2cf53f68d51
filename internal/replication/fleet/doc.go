// Package fleet tests databases of both generations in networks: databases of both, linked to each
// other, with apps of either generation, each a real database with real sessions between them. Apps
// and databases edit, delete, create anew, lose connections and restart. Then all links sync until
// nothing moves. The package has tests only.
//
// A body tells which edits are known to whoever wrote it. So a judge can tell a lost edit from one that has
// lost a conflict. Seeds make the same network and the same events; the order within sessions that run at
// once is the scheduler's.
//
//	go test ./internal/replication/fleet -fleet.seeds 500
//	go test ./internal/replication/fleet -fleet.shape "linked serial" -fleet.seed 42 -v
package fleet
