/* COM references share one pin: the reference that takes the count from 0 to 1 brings its pin, the one that takes it from 1 to 0
   drops one. Pins are all alike, so a 0 to 1 may overtake the unpin of an earlier 1 to 0.
   Three threads take and drop references to one call while its client and its server let go of it.
   Claim: who holds a reference finds the slot kept; nobody drops a pin that is not there; in the end nothing is kept.
   Must fail:
     -DKEEPPIN    a reference that finds others keeps its pin as well: the slot is never given back
     -DUNPINFIRST the pin of the look-up is dropped before the reference is counted
     -DEACHUNPINS every Release drops a pin, not only the last */
#define N 3
byte pins = 2, refs = 0;    /* the client's and the server's pin */
bool vacant = 0;
byte holders = 0;           /* ghost: who was handed the object and has not released it */

inline unpin() { atomic { assert(pins > 0); pins--; if :: pins == 0 -> vacant = 1; assert(holders == 0) :: else fi } }

proctype Other() { byte n = 0; byte before; bool ok;
  do
  :: n < 2 -> n++;
     /* a look-up: a pin succeeds on a published slot only */
     atomic { ok = !vacant; if :: ok -> pins++ :: else fi };
     if
     :: ok ->
#ifdef UNPINFIRST
        unpin();
        atomic { before = refs; refs++; holders++ };
        if :: before == 0 -> atomic { pins++ } :: else fi;
#else
        atomic { before = refs; refs++; holders++ };
#ifndef KEEPPIN
        if :: before != 0 -> unpin() :: else fi;
#endif
#endif
        assert(!vacant);
        atomic { before = refs; refs--; holders-- };
#ifdef EACHUNPINS
        unpin()
#else
        if :: before == 1 -> unpin() :: else fi
#endif
     :: else
     fi
  :: else -> break
  od }
proctype Side() { unpin() }
init {
  byte i = 0;
  atomic { run Side(); run Side(); do :: i < N -> run Other(); i++ :: else -> break od };
  (_nr_pr == 1);
  assert(vacant && pins == 0 && refs == 0)
}
