/* Thread slot recycled between id check and pin: the ORDER of the two re-reads after the pin matters.
   default: re-read id, then top.
   Must fail:
     -DTOPFIRST  re-reads top, then id: looks just as good, and hits another thread's call */
#define NC 2
#define NONE 255
byte id=0, top=NONE; byte refs[NC]; bool live[NC]; byte owner[NC]; /* ghost: id of the thread that began it */
proctype Slot() { byte n=0, c, k; /* incarnations 1,2,1,2,1 of one slot */
  do :: n<5 -> k = (n%2==0 -> 1 : 2); n++; id=k;
     if :: atomic { refs[0]==0 -> refs[0]=1; c=0 } :: atomic { refs[1]==0 -> refs[1]=1; c=1 } :: skip -> c=NONE fi;
     if :: c!=NONE -> owner[c]=k; live[c]=1; top=c; top=NONE; atomic { refs[c]--; live[c]=(refs[c]>0) } :: else fi;
     id=0
  :: else -> break od }
proctype Canceller() { byte c; bool ok;
  do :: id==1 -> c=top;
     if :: c==NONE -> skip
        :: else -> atomic { if :: refs[c]>0 && live[c] -> refs[c]++; ok=1 :: else -> ok=0 fi };
           if :: ok ->
#ifdef TOPFIRST
             ok = (top==c); if :: ok -> ok = (id==1) :: else fi;
#else
             ok = (id==1); if :: ok -> ok = (top==c) :: else fi;
#endif
             if :: ok -> assert(owner[c]==1) :: else fi;
             atomic { refs[c]--; live[c]=(live[c] && refs[c]>0) }
           :: else fi
     fi
  :: break od }
init { atomic { run Slot(); run Canceller(); run Canceller() } }
