// Package page is the page for people: what the server does, its databases and documents, conflicts,
// replications, the network, the log and queries.
//
// The page knows no database. Each view asks the endpoints of REST, as the user who looks at it, and
// makes HTML of the answers: it can show and change what that user can, and nothing else. Views work
// without JavaScript; htmx refreshes the parts that change, and page.js adds keys, drafts and times.
//
// # How a view is added
//
// A file has the view's function and the types that it fills its template with; views in page.go has a
// row for it, and templates a file with the block "main". A part of a view that is refreshed by itself
// is a block of its own, which the parameter part names.
package page
