package storetest

import "os"

// OnPostgres reports whether the tests of this run use databases in PostgreSQL in place of folders: TANDEM_TEST_ENGINE is postgres,
// or postgres-portable.
func OnPostgres() bool { return os.Getenv("TANDEM_TEST_ENGINE") == "postgres" || Portable() }

// Portable reports whether they use no more of PostgreSQL than other engines have, at the isolation level serializable, while
// statements fail at random: TANDEM_TEST_ENGINE=postgres-portable.
func Portable() bool { return os.Getenv("TANDEM_TEST_ENGINE") == "postgres-portable" }
