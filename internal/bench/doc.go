// Package bench measures how fast two peers are: how fast documents are stored, sent and
// received, how long a small sync takes, and what it costs in memory.
//
// Each measurement starts two processes of this same program, a server that listens and a
// client that replicates, in temporary folders that are removed afterwards:
//
//	report, err := bench.Run(ctx, bench.Config{Peer: []string{os.Args[0], "bench", "peer"}})
//	…
//	err = report.WriteTable(os.Stdout)
//
// The program so started calls [ServePeer]. Beside each rate of documents stands what SQLite
// alone can insert on the machine, measured in the same run: the machine's speed cancels out
// of that percentage.
package bench
