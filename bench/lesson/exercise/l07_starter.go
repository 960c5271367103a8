package exercise

// starter07 reads in one turn of an edge-triggered loop. read says whether it has met EAGAIN.
// unfinished connections get another turn without being told by epoll.
func starter07(read func() (again bool), most int) (unfinished bool) {
	read()
	return false
}
