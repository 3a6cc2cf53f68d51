// Package identity makes, keeps and exchanges TLS identities: a private key with the
// certificate chain that belongs to it.
//
// A listener with nothing configured takes the anonymous identity of its database, which
// is made once, kept, and renewed before it expires:
//
//	store, err := identity.Default()
//	…
//	id, err := identity.Anonymous(store, databaseUUID, time.Now())
//	…
//	config.Certificates = []tls.Certificate{id.TLSCertificate()}
//
// Others are made with [Create], taken from a key and its certificates with
// [FromKeyAndCerts], or read with [FromPKCS12] and [FromPEM], and live in a [Store] under a
// label until they are deleted.
//
// # Stores
//
//   - [Memory] forgets everything with the process.
//   - [Folder] is a folder of PEM files, the default. Its format is described there.
//   - [Keyring] uses the key store of the operating system alone.
//   - [PKCS12File] is one PKCS#12 file that other programs read as well.
//
// A program may bring its own. Java's JKS is not supported: keytool converts it to PKCS#12.
//
// # Guarantees
//
// An [Identity] never changes. A store refuses a label that is taken, and stays as it was
// whenever an operation fails; a crash at any moment leaves the old state or the new one.
// Two processes may use one store at the same time. No error holds a password or a key.
package identity
