// Package slowlink tests how well replication uses a slow link. Two databases replicate over real
// TLS connections, through a relay that limits the bandwidth and delays the data. The package has
// tests only.
package slowlink
