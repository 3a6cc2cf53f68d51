package tandem

// Version is the version of this package, which peers see in the HTTP headers.
const Version = "0.1.0"
