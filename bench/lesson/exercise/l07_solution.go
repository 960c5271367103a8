package exercise

// solution07 reads in one turn of an edge-triggered loop. read says whether it has met EAGAIN.
// unfinished connections get another turn without being told by epoll.
func solution07(read func() (again bool), most int) (unfinished bool) {
	for range most {
		if read() {
			return false
		}
	}
	return true
}
