/* The integer types BCC's own headers and execdb.h use. */
typedef signed char s8, __s8;
typedef unsigned char u8, __u8;
typedef signed short s16, __s16;
typedef unsigned short u16, __u16, __be16, __le16, __sum16;
typedef signed int s32, __s32;
typedef unsigned int u32, __u32, __be32, __le32, __wsum;
typedef signed long long s64, __s64;
typedef unsigned long long u64, __u64, __be64, __le64;
typedef _Bool bool;
typedef unsigned long size_t, uintptr_t;
typedef long ssize_t;
typedef int pid_t;
#define __aligned_u64 u64 __attribute__((aligned(8)))
