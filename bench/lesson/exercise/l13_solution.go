package exercise

// solution13 is a loop: it answers requests until there are no more. Workers do what may wait, and
// only the loop delivers.
func solution13(requests <-chan func() string, deliver func(answer string)) {
	answers := make(chan string, 2) // as many as work at a time
	for busy := 0; requests != nil || busy > 0; {
		take := requests
		if busy == cap(answers) { // no new request, until an answer has come
			take = nil
		}
		select {
		case handle, ok := <-take:
			if !ok {
				requests = nil
				continue
			}
			busy++
			go func() { answers <- handle() }()
		case answer := <-answers:
			busy--
			deliver(answer)
		}
	}
}
