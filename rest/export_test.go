package rest

// Routes returns the method and pattern of each row of the table.
func Routes() (all [][2]string) {
	for _, row := range routes() {
		all = append(all, [2]string{row.method, row.pattern})
	}
	return all
}
