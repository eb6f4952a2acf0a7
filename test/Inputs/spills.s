kernel:
	vmovups	%zmm0, 64(%rsp)                 # 64-byte Spill
.LBB0_1:                                # =>This Loop Header: Depth=1
	vmovups	%zmm1, 128(%rsp)                # 64-byte Spill
.LBB0_2:                                #   Parent Loop BB0_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
	vmovups	%zmm2, 192(%rsp)                # 64-byte Spill
	vaddps	64(%rsp), %zmm3, %zmm3          # 64-byte Folded Reload
	vmovaps	256(%rsp), %xmm4                # 16-byte Reload
	movq	%rax, 8(%rsp)                   # 8-byte Spill
	vmovups	%zmm5, (%rsp,%rax)
	decq	%rcx
	jne	.LBB0_2
# %bb.3:
	vmovups	64(%rsp), %zmm0                 # 64-byte Reload
	decq	%rdx
	jne	.LBB0_1
	vmovups	64(%rsp), %zmm0                 # 64-byte Reload
	retq
