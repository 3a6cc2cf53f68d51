package rest

// route is a row of the table of routes: see the package comment.
type route struct {
	method  string // "GET" includes HEAD
	pattern string
	needs   need
	do      func(c *call) error
	lasting bool // the answer may go on for long
	paced   bool // of many requests at once some wait, and are not refused
}

// need says what a request needs.
type need int

const (
	nothing    need = iota // not even a login
	login                  // a user, whoever it is
	readsSome              // read access to a collection of {db}
	writesSome             // write access to a collection of {db}, which has ClientWrites
	reads                  // read access to {ks}
	writes                 // write access to {ks}, in a database with ClientWrites
	decides                // a user; the function checks the access to c.ks, whose c.coll is nil if it does not exist
	replicates             // the role replicate, or admin
	admin                  // the role admin
)

// routes is the table of all routes.
func routes() []route {
	var all []route
	for _, group := range [][]route{
		serverRoutes(),
		sessionRoutes(),
		syncRoutes(),
		databaseRoutes(),
		documentRoutes(),
		propertyRoutes(),
		blobRoutes(),
		changesRoutes(),
		allDocsRoutes(),
		bulkRoutes(),
		localRoutes(),
		revisionRoutes(),
		queryRoutes(),
		replicateRoutes(),
		taskRoutes(),
		explainRoutes(),
		lifeRoutes(),
		conflictRoutes(),
		networkRoutes(),
		identityRoutes(),
		knownServerRoutes(),
		meshRoutes(),
		pageLinkRoutes(),
		logRoutes(),
		openAPIRoutes(),
	} {
		all = append(all, group...)
	}
	return all
}
