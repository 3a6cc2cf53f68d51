// Package identity creates, stores and exchanges TLS identities: a private key with its certificate
// chain.
//
// A listener without a configured identity uses the anonymous identity of its database, which is
// created once, stored, and renewed before it expires:
//
//	store, err := identity.Default()
//	…
//	id, err := identity.Anonymous(store, databaseUUID, time.Now())
//	…
//	config.Certificates = []tls.Certificate{id.TLSCertificate()}
//
// Other identities come from [Create], from a key and its certificates with [FromKeyAndCerts], or
// from a file with [FromPKCS12] and [FromPEM]. They live in a [Store] under a label until they are
// deleted.
//
// # Stores
//
//   - [Memory] forgets everything with the process.
//   - [Folder] is a folder of PEM files, the default. Its format is described there.
//   - [Keyring] uses the key store of the operating system alone.
//   - [PKCS12File] is one PKCS#12 file that other programs read as well.
//
// A program may implement its own. Java's JKS is not supported: keytool converts it to PKCS#12.
//
// # Guarantees
//
// An [Identity] never changes. A store refuses a label that is taken, and a failed operation leaves
// it unchanged; a crash at any moment leaves the old state or the new one. Two processes may use
// one store at the same time. No error contains a password or a key.
package identity
