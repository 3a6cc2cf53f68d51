// Package group knows the certificates of a group's members, and the records that remove members. It
// opens no files and connections.
//
//	cert, err := group.Issue(signer, joinerKey, group.Member{Group: "tills", Name: "till 2", Now: now})
//	…
//	record, err := group.Remove(signer, "tills", group.Target{Key: peer}, now)
//	removals.Add(record)
//	way, err := removals.Admits("tills", root, chain, x509.ExtKeyUsageClientAuth, now)
//
// The group's key signs certificates of members. A member that may invite has a certificate of an
// authority, below which there is none further, and signs certificates, too.
//
// # Guarantees
//
// Nothing in a certificate comes from its owner but the key and a cleaned name. A set of removals
// only grows, is bounded, and comes out the same in whatever order records arrive.
package group
